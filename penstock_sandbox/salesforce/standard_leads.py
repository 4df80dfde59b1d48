"""The fields of Lead and Opportunity as an org's describe has them; `fields` says how a line is read."""

LEAD = """
MasterRecordId|Master Record ID|reference Lead MasterRecord|n
LastName|Last Name|string 80|cu|Name
FirstName|First Name|string 40|cun|Name
Salutation|Salutation|picklist 40 @Salutation2|cun|Name
Name|Full Name|string 121|N
Title|Title|string 128|cun
Company|Company|string 255|cu
Street|Street|textarea 255|cun|Address
City|City|string 40|cun|Address
State|State/Province|string 80|cun|Address
PostalCode|Zip/Postal Code|string 20|cun|Address
Country|Country|string 80|cun|Address
Latitude|Latitude|double 18,15|cun|Address
Longitude|Longitude|double 18,15|cun|Address
GeocodeAccuracy|Geocode Accuracy|picklist 40 @GeocodeAccuracy|cunR|Address
Address|Address|address|n
Phone|Phone|phone 40|cun
MobilePhone|Mobile Phone|phone 40|cun
Fax|Fax|phone 40|cun
Email|Email|email 80|cuni
Website|Website|url 255|cun
PhotoUrl|Photo URL|url 255|n
Description|Description|textarea 32000|cun
LeadSource|Lead Source|picklist 255 @AccountSource|cun
Status|Status|picklist 255 @Status|cud
Industry|Industry|picklist 255 @Industry|cun
Rating|Rating|picklist 255 @Rating|cun
AnnualRevenue|Annual Revenue|currency 18,0|cun
NumberOfEmployees|Employees|int|cun
OwnerId|Owner ID|reference Group,User Owner|cud
IsConverted|Converted|boolean|cd
ConvertedDate|Converted Date|date|n
ConvertedAccountId|Converted Account ID|reference Account ConvertedAccount|n
ConvertedContactId|Converted Contact ID|reference Contact ConvertedContact|n
ConvertedOpportunityId|Converted Opportunity ID|reference Opportunity ConvertedOpportunity|n
IsUnreadByOwner|Unread By Owner|boolean|cud
LastActivityDate|Last Activity|date|n
Jigsaw|Data.com Key|string 20|cun
JigsawContactId|Jigsaw Contact ID|string 20|n
CleanStatus|Clean Status|picklist 40 @CleanStatus|cunR
CompanyDunsNumber|Company D-U-N-S Number|string 9|cun
DandbCompanyId|D&B Company ID|reference DandBCompany DandbCompany|cun
EmailBouncedReason|Email Bounced Reason|string 255|un
EmailBouncedDate|Email Bounced Date|datetime|un
IndividualId|Individual ID|reference Individual Individual|cun
LastViewedDate|Last Viewed Date|datetime|n
LastReferencedDate|Last Referenced Date|datetime|n
"""
OPPORTUNITY = """
AccountId|Account ID|reference Account Account|cun
IsPrivate|Private|boolean|cud
Name|Name|string 120|cuiN
Description|Description|textarea 32000|cun
StageName|Stage|picklist 255 @StageName|cu
Amount|Amount|currency 18,2|cun
Probability|Probability (%)|percent 3,0|cund
ExpectedRevenue|Expected Amount|currency 18,2|n
TotalOpportunityQuantity|Quantity|double 18,2|cun
CloseDate|Close Date|date|cu
Type|Opportunity Type|picklist 255 @Type2|cun
NextStep|Next Step|string 255|cun
LeadSource|Lead Source|picklist 255 @AccountSource|cun
IsClosed|Closed|boolean|d
IsWon|Won|boolean|d
ForecastCategory|Forecast Category|picklist 40 @ForecastCategory|R
ForecastCategoryName|Forecast Category|picklist 255 @ForecastCategoryName|cundR
CampaignId|Campaign ID|reference Campaign Campaign|cun
HasOpportunityLineItem|Has Line Item|boolean|d
Pricebook2Id|Price Book ID|reference Pricebook2 Pricebook2|cund
OwnerId|Owner ID|reference User Owner|cud
LastActivityDate|Last Activity|date|n
LastStageChangeDate|Last Stage Change Date|datetime|n
FiscalQuarter|Fiscal Quarter|int|n|Fiscal
FiscalYear|Fiscal Year|int|n|Fiscal
Fiscal|Fiscal Period|string 6|n
ContactId|Contact ID|reference Contact -|cn
HasOpenActivity|Has Open Activity|boolean|d
HasOverdueTask|Has Overdue Task|boolean|d
LastAmountChangedHistoryId|Opportunity History ID|reference OpportunityHistory LastAmountChangedHistory|n
LastCloseDateChangedHistoryId|Opportunity History ID|reference OpportunityHistory LastCloseDateChangedHistory|n
LastViewedDate|Last Viewed Date|datetime|n
LastReferencedDate|Last Referenced Date|datetime|n
"""
