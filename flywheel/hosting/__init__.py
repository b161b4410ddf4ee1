"""The service on Ray: the API and the policy endpoint on Ray Serve, a supervisor, and what starts and ends them."""
