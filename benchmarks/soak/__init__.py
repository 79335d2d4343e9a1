"""The service is left alone: changes, faults and deployments come by chance, and at the end everything has to agree."""
