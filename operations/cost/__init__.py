"""What an environment, a job and a million tokens cost, from the dated prices of prices.json."""
