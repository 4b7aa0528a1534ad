"""Reading mapping and cases files: YAML with places, what each key says, every problem at once."""
