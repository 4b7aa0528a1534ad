"""The formats of events: what reads their bytes, and what their schemas say of them."""
