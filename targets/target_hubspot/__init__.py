"""target-hubspot: Singer records to HubSpot, on Penstock's delivery core."""
