"""One file a command of `profile-consumer`."""
