"""JSON Schema → grammar values. `docs/json-schema.md` tells the method; these are its parts, in the order of the work.

parse/    text → one node for each schema
          reader, node_reader, references, location, json_values, node
logic/    node → formula over atoms, for each kind of value; what can be said, and its opposite
          conditions, array_conditions, object_conditions
          formula, number_atoms, string_atoms, array_atoms, object_atoms; number_language
emit/     formula → grammar
          values, typed, strings, raw_strings, numbers, arrays, objects, property_transitions, key_trie, free_properties
          dfa_to_grammar, json_grammar; limits: finite, unsatisfiable

`../regex/` has sets of characters, automata, patterns and formats; `../deadline.py` what a compilation may cost.
"""
