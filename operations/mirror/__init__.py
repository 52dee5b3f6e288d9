"""What an environment without a way out must find in the account's own registry."""
