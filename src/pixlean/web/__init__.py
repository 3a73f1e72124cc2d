"""HTTP: the application, bodies that are capped while they stream in, and the dialects."""
