"""A simulated HubSpot account: contacts, their properties, batches and limits."""
