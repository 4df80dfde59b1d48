"""The picklists of the standard objects by name; `*` marks the default."""

PICKLISTS: dict[str, str] = {
    "Type": (
        "Prospect;Customer - Direct;Customer - Channel;Channel Partner / Reseller;Installation Partner;"
        "Technology Partner;Other"
    ),
    "GeocodeAccuracy": "Address;NearAddress;Block;Street;ExtendedZip;Zip;Neighborhood;City;County;State;Unknown",
    "Industry": (
        "Agriculture;Apparel;Banking;Biotechnology;Chemicals;Communications;Construction;Consulting;"
        "Education;Electronics;Energy;Engineering;Entertainment;Environmental;Finance;Food & Beverage;"
        "Government;Healthcare;Hospitality;Insurance;Machinery;Manufacturing;Media;Not For Profit;Recreation;"
        "Retail;Shipping;Technology;Telecommunications;Transportation;Utilities;Other"
    ),
    "Ownership": "Public;Private;Subsidiary;Other",
    "Rating": "Hot;Warm;Cold",
    "CleanStatus": "Matched;Different;Acknowledged;NotFound;Inactive;Pending;SelectMatch;Skipped",
    "AccountSource": "Web;Phone Inquiry;Partner Referral;Purchased List;Other",
    "Salutation": "Mr.;Ms.;Mrs.;Dr.;Prof.",
    "Salutation2": "Mr.;Ms.;Mrs.;Dr.;Prof.;Mx.",
    "Status": "*Open - Not Contacted;Working - Contacted;Closed - Converted;Closed - Not Converted",
    "StageName": (
        "Prospecting;Qualification;Needs Analysis;Value Proposition;Id. Decision Makers;Perception Analysis;"
        "Proposal/Price Quote;Negotiation/Review;Closed Won;Closed Lost"
    ),
    "Type2": "Existing Customer - Upgrade;Existing Customer - Replacement;Existing Customer - Downgrade;New Customer",
    "ForecastCategory": "Omitted;Pipeline;BestCase;MostLikely;Forecast;Closed",
    "ForecastCategoryName": "Omitted;Pipeline;Best Case;Commit;Closed",
    "CaseType": "Mechanical;Electrical;Electronic;Structural;Other",
    "CaseStatus": "*New;Working;Escalated;Closed",
    "CaseReason": "Installation;Equipment Complexity;Performance;Breakdown;Equipment Design;Feedback;Other",
    "CaseOrigin": "Phone;Email;Web",
    "CasePriority": "High;*Medium;Low",
    "CampaignType": (
        "Conference;Webinar;Trade Show;Public Relations;Partners;Referral Program;Advertisement;Banner Ads;"
        "Direct Mail;Email;Telemarketing;Other"
    ),
    "CampaignStatus": "*Planned;In Progress;Completed;Aborted",
    "MemberStatus": "*Sent;Responded",
    "MemberType": "Lead;Contact",
    "Subject": "Call;Send Letter;Send Quote;Email;Other",
    "TaskStatus": "*Not Started;In Progress;Completed;Waiting on someone else;Deferred",
    "TaskPriority": "High;*Normal;Low",
    "TaskSubtype": "*Task;Email;ListEmail;Cadence;Call;LinkedIn",
    "TimeZone": "*America/Los_Angeles;America/New_York;Europe/Berlin;Europe/London;GMT",
    "Locale": "*en_US;en_GB;de;fr",
    "Encoding": "*UTF-8;ISO-8859-1",
    "UserType": "*Standard;Guest;AutomatedProcess",
    "GroupType": "Regular;Queue;Organization",
    "SobjectType": "Account;Campaign;CampaignMember;Case;Contact;Lead;Opportunity;Task",
    "Edition": "Developer Edition;Enterprise Edition;Unlimited Edition",
}
