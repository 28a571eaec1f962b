"""JSON Schema → grammar values. `docs/json-schema.md` tells the method; these are its parts, in the order of the work.

reading      reader, node_reader, references, place, json_values, node
                                                                text → one node for each schema
conditions   conditions, array_conditions, object_conditions    node → formula over atoms, for each kind of value
atoms        formula, number_atoms, array_atoms, object_atoms   what can be said, and its opposite
languages    charset, automaton, regular                        sets of characters, automata, regular languages
patterns     ecma_pattern, pattern_language, unicode_sets, formats
printing     values, strings, numbers, arrays, objects, property_ways, key_trie, free_properties, spelling
limits       deadline, finite, unsatisfiable
"""
