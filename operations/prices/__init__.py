"""Renews workloads/prices.json from the AWS Price List API and EC2's spot price history."""
