"""JSON Schema → grammar values. `docs/json-schema.md` describes the method; these are its parts, in processing order.

parse/    text → one node per schema
          reader, node_reader, references, location, json_values, node
logic/    node → formula over atoms, per kind of value; which conditions can be expressed, and their negations
          conditions, array_conditions, object_conditions
          formula, number_atoms, string_atoms, array_atoms, object_atoms; number_language
emit/     formula → grammar
          values, typed, strings, raw_strings, numbers, arrays, objects, property_transitions, key_trie, free_properties
          dfa_to_grammar, json_grammar; limits: finite, unsatisfiable

`../regex/` has character sets, automata, patterns and formats; `../deadline.py` the time limit of a compilation.
"""
