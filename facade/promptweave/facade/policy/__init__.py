"""What becomes of the parts of a request that promptweave does not serve as they are, as data: one module for each API.

Refused is only what would break a promise, or change the meaning of the answer. What asks for style, speed, hosted tools or
housekeeping is left out, with a warning. What is served or mapped is in the bodies and translations of the APIs.
"""
