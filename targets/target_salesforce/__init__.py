"""target-salesforce: Singer records to Salesforce, on Penstock's delivery core."""
