"""llama.cpp's own routes, and those of the prompt compiler (`/apply-template`, `/describe-template`, `/parse`)."""
