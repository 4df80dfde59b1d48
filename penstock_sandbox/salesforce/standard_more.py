"""The fields of the further standard objects."""

CASE = """
MasterRecordId|Master Record ID|reference Case MasterRecord|n
CaseNumber|Case Number|string 30|diNA
ContactId|Contact ID|reference Contact Contact|cun
AccountId|Account ID|reference Account Account|cun
ParentId|Parent Case ID|reference Case Parent|cun
SuppliedName|Name|string 80|cun
SuppliedEmail|Email Address|email 80|cun
SuppliedPhone|Phone|string 40|cun
SuppliedCompany|Company|string 80|cun
Type|Case Type|picklist 255 @CaseType|cun
RecordTypeId|Record Type ID|reference RecordType RecordType|cun
Status|Status|picklist 255 @CaseStatus|cund
Reason|Case Reason|picklist 255 @CaseReason|cun
Origin|Case Origin|picklist 255 @CaseOrigin|cun
Subject|Subject|string 255|cun
Priority|Priority|picklist 255 @CasePriority|cund
Description|Description|textarea 32000|cun
IsClosed|Closed|boolean|d
ClosedDate|Closed Date|datetime|n
IsEscalated|Escalated|boolean|cud
OwnerId|Owner ID|reference Group,User Owner|cud
ContactPhone|Contact Phone|phone 40|n
ContactMobile|Contact Mobile|phone 40|n
ContactEmail|Contact Email|email 80|n
ContactFax|Contact Fax|phone 40|n
Comments|Internal Comments|textarea 4000|cun
"""
CAMPAIGN = """
Name|Name|string 80|cuN
ParentId|Parent Campaign ID|reference Campaign Parent|cun
Type|Type|picklist 40 @CampaignType|cun
Status|Status|picklist 40 @CampaignStatus|cun
StartDate|Start Date|date|cun
EndDate|End Date|date|cun
ExpectedRevenue|Expected Revenue|currency 18,0|cun
BudgetedCost|Budgeted Cost|currency 18,0|cun
ActualCost|Actual Cost|currency 18,0|cun
ExpectedResponse|Expected Response (%)|percent 8,2|cun
NumberSent|Num Sent|double 18,0|cun
IsActive|Active|boolean|cud
Description|Description|textarea 32000|cun
NumberOfLeads|Leads in Campaign|int|d
NumberOfConvertedLeads|Converted Leads in Campaign|int|d
NumberOfContacts|Contacts in Campaign|int|d
NumberOfResponses|Responses in Campaign|int|d
NumberOfOpportunities|Opportunities in Campaign|int|d
OwnerId|Owner ID|reference User Owner|cud
LastActivityDate|Last Activity|date|n
CampaignMemberRecordTypeId|Record Type ID|reference RecordType CampaignMemberRecordType|cun
"""
CAMPAIGN_MEMBER = """
CampaignId|Campaign ID|reference Campaign Campaign|c
LeadId|Lead ID|reference Lead Lead|cn
ContactId|Contact ID|reference Contact Contact|cn
AccountId|Company (Account)|reference Account Account|cn
Status|Status|picklist 40 @MemberStatus|cun
HasResponded|Responded|boolean|d
FirstRespondedDate|First Responded Date|date|n
Name|Name|string 121|nN
FirstName|First Name|string 40|n
LastName|Last Name|string 80|n
Title|Title|string 128|n
Street|Street|textarea 255|n
City|City|string 40|n
Email|Email|email 80|n
Phone|Phone|phone 40|n
CompanyOrAccount|Company|string 255|n
Type|Type|picklist 40 @MemberType|n
LeadSource|Lead Source|picklist 255 @AccountSource|n
LeadOrContactId|Related Record ID|reference Contact,Lead LeadOrContact|n
LeadOrContactOwnerId|Related Record Owner ID|reference Group,User LeadOrContactOwner|n
"""
TASK = """
WhoId|Name ID|reference Contact,Lead Who|cun
WhatId|Related To ID|reference Account,Campaign,Case,Opportunity What|cun
Subject|Subject|combobox 255 @Subject|cun
ActivityDate|Due Date Only|date|cun
Status|Status|picklist 255 @TaskStatus|cud
Priority|Priority|picklist 255 @TaskPriority|cud
OwnerId|Assigned To ID|reference Group,User Owner|cud
Description|Description|textarea 32000|cun
AccountId|Account ID|reference Account Account|n
IsClosed|Closed|boolean|d
TaskSubtype|Task Subtype|picklist 40 @TaskSubtype|cunR
"""
USER = """
Username|Username|string 80|cui
LastName|Last Name|string 80|cu|Name
FirstName|First Name|string 40|cun|Name
Name|Full Name|string 121|N
CompanyName|Company Name|string 80|cun
Division|Division|string 80|cun
Department|Department|string 80|cun
Title|Title|string 80|cun
Street|Street|textarea 255|cun|Address
City|City|string 40|cun|Address
State|State/Province|string 80|cun|Address
PostalCode|Zip/Postal Code|string 20|cun|Address
Country|Country|string 80|cun|Address
Latitude|Latitude|double 18,15|cun|Address
Longitude|Longitude|double 18,15|cun|Address
GeocodeAccuracy|Geocode Accuracy|picklist 40 @GeocodeAccuracy|cunR|Address
Address|Address|address|n
Email|Email|email 128|cui
Phone|Phone|phone 40|cun
MobilePhone|Mobile|phone 40|cun
Alias|Alias|string 8|cu
CommunityNickname|Nickname|string 40|cudi
IsActive|Active|boolean|cud
TimeZoneSidKey|Time Zone|picklist 40 @TimeZone|cuR
UserRoleId|Role ID|reference UserRole UserRole|cun
LocaleSidKey|Locale|picklist 40 @Locale|cuR
EmailEncodingKey|Email Encoding|picklist 40 @Encoding|cuR
ProfileId|Profile ID|reference Profile Profile|cun
UserType|User Type|picklist 40 @UserType|dnR
LanguageLocaleKey|Language|picklist 40 @Locale|cuR
EmployeeNumber|Employee Number|string 20|cun
ManagerId|Manager ID|reference User Manager|cun
LastLoginDate|Last Login|datetime|n
FederationIdentifier|SAML Federation ID|string 512|cuniU
"""
GROUP = """
Name|Name|string 40|cuN
DeveloperName|Developer Name|string 80|cun
RelatedId|Related ID|reference User,UserRole Related|n
Type|Type|picklist 40 @GroupType|cR
Email|Email|email 255|cun
"""
RECORD_TYPE = """
Name|Name|string 80|cuN
DeveloperName|Record Type Name|string 80|cu
NamespacePrefix|Namespace Prefix|string 15|n
Description|Description|string 255|cun
BusinessProcessId|Business Process ID|reference BusinessProcess BusinessProcess|cun
SobjectType|Object Type Name|picklist 40 @SobjectType|cR
IsActive|Active|boolean|cud
"""
ORGANIZATION = """
Name|Name|string 80|uN
Street|Street|textarea 255|un|Address
City|City|string 40|un|Address
State|State/Province|string 80|un|Address
PostalCode|Zip/Postal Code|string 20|un|Address
Country|Country|string 80|un|Address
Phone|Phone|phone 40|un
PrimaryContact|Primary Contact|string 80|un
TimeZoneSidKey|Time Zone|picklist 40 @TimeZone|udR
LanguageLocaleKey|Language|picklist 40 @Locale|uR
OrganizationType|Edition|picklist 40 @Edition|nR
NamespacePrefix|Namespace Prefix|string 15|n
InstanceName|Instance Name|string 5|n
IsSandbox|Is Sandbox|boolean|n
TrialExpirationDate|Trial Expiration Date|datetime|n
"""
