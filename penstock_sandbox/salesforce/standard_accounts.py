"""The fields of Account and Contact as an org's describe has them; `fields` says how a line is read."""

ACCOUNT = """
MasterRecordId|Master Record ID|reference Account MasterRecord|n
Name|Account Name|string 255|cuN|Name
Type|Account Type|picklist 40 @Type|cun
RecordTypeId|Record Type ID|reference RecordType RecordType|cun
ParentId|Parent Account ID|reference Account Parent|cun
BillingStreet|Billing Street|textarea 255|cun|BillingAddress
BillingCity|Billing City|string 40|cun|BillingAddress
BillingState|Billing State/Province|string 80|cun|BillingAddress
BillingPostalCode|Billing Zip/Postal Code|string 20|cun|BillingAddress
BillingCountry|Billing Country|string 80|cun|BillingAddress
BillingLatitude|Billing Latitude|double 18,15|cun|BillingAddress
BillingLongitude|Billing Longitude|double 18,15|cun|BillingAddress
BillingGeocodeAccuracy|Billing Geocode Accuracy|picklist 40 @GeocodeAccuracy|cunR|BillingAddress
BillingAddress|Billing Address|address|n
ShippingStreet|Shipping Street|textarea 255|cun|ShippingAddress
ShippingCity|Shipping City|string 40|cun|ShippingAddress
ShippingState|Shipping State/Province|string 80|cun|ShippingAddress
ShippingPostalCode|Shipping Zip/Postal Code|string 20|cun|ShippingAddress
ShippingCountry|Shipping Country|string 80|cun|ShippingAddress
ShippingLatitude|Shipping Latitude|double 18,15|cun|ShippingAddress
ShippingLongitude|Shipping Longitude|double 18,15|cun|ShippingAddress
ShippingGeocodeAccuracy|Shipping Geocode Accuracy|picklist 40 @GeocodeAccuracy|cunR|ShippingAddress
ShippingAddress|Shipping Address|address|n
Phone|Account Phone|phone 40|cun
Fax|Account Fax|phone 40|cun
AccountNumber|Account Number|string 40|cun
Website|Website|url 255|cun
PhotoUrl|Photo URL|url 255|n
Sic|SIC Code|string 20|cun
Industry|Industry|picklist 40 @Industry|cun
AnnualRevenue|Annual Revenue|currency 18,0|cun
NumberOfEmployees|Employees|int|cun
Ownership|Ownership|picklist 40 @Ownership|cun
TickerSymbol|Ticker Symbol|string 20|cun
Description|Account Description|textarea 32000|cun
Rating|Account Rating|picklist 40 @Rating|cun
Site|Account Site|string 80|cun
OwnerId|Owner ID|reference User Owner|cud
LastActivityDate|Last Activity|date|n
IsPartner|Partner Account|boolean|ud
IsCustomerPortal|Customer Portal Account|boolean|ud
ChannelProgramName|Channel Program Name|string 255|n
ChannelProgramLevelName|Channel Program Level Name|string 255|n
Jigsaw|Data.com Key|string 20|cun
JigsawCompanyId|Jigsaw Company ID|string 20|n
CleanStatus|Clean Status|picklist 40 @CleanStatus|cunR
AccountSource|Account Source|picklist 40 @AccountSource|cun
DunsNumber|D-U-N-S Number|string 9|cun
Tradestyle|Tradestyle|string 255|cun
NaicsCode|NAICS Code|string 8|cun
NaicsDesc|NAICS Description|string 120|cun
YearStarted|Year Started|string 4|cun
SicDesc|SIC Description|string 80|cun
DandbCompanyId|D&B Company ID|reference DandBCompany DandbCompany|cun
OperatingHoursId|Operating Hour ID|reference OperatingHours OperatingHours|cun
LastViewedDate|Last Viewed Date|datetime|n
LastReferencedDate|Last Referenced Date|datetime|n
"""
CONTACT = """
MasterRecordId|Master Record ID|reference Contact MasterRecord|n
AccountId|Account ID|reference Account Account|cun
LastName|Last Name|string 80|cu|Name
FirstName|First Name|string 40|cun|Name
Salutation|Salutation|picklist 40 @Salutation|cun|Name
Name|Full Name|string 121|N
OtherStreet|Other Street|textarea 255|cun|OtherAddress
OtherCity|Other City|string 40|cun|OtherAddress
OtherState|Other State/Province|string 80|cun|OtherAddress
OtherPostalCode|Other Zip/Postal Code|string 20|cun|OtherAddress
OtherCountry|Other Country|string 80|cun|OtherAddress
OtherLatitude|Other Latitude|double 18,15|cun|OtherAddress
OtherLongitude|Other Longitude|double 18,15|cun|OtherAddress
OtherGeocodeAccuracy|Other Geocode Accuracy|picklist 40 @GeocodeAccuracy|cunR|OtherAddress
OtherAddress|Other Address|address|n
MailingStreet|Mailing Street|textarea 255|cun|MailingAddress
MailingCity|Mailing City|string 40|cun|MailingAddress
MailingState|Mailing State/Province|string 80|cun|MailingAddress
MailingPostalCode|Mailing Zip/Postal Code|string 20|cun|MailingAddress
MailingCountry|Mailing Country|string 80|cun|MailingAddress
MailingLatitude|Mailing Latitude|double 18,15|cun|MailingAddress
MailingLongitude|Mailing Longitude|double 18,15|cun|MailingAddress
MailingGeocodeAccuracy|Mailing Geocode Accuracy|picklist 40 @GeocodeAccuracy|cunR|MailingAddress
MailingAddress|Mailing Address|address|n
Phone|Business Phone|phone 40|cun
Fax|Business Fax|phone 40|cun
MobilePhone|Mobile Phone|phone 40|cun
HomePhone|Home Phone|phone 40|cun
OtherPhone|Other Phone|phone 40|cun
AssistantPhone|Asst. Phone|phone 40|cun
ReportsToId|Reports To ID|reference Contact ReportsTo|cun
Email|Email|email 80|cuni
Title|Title|string 128|cun
Department|Department|string 80|cun
AssistantName|Assistant's Name|string 40|cun
LeadSource|Lead Source|picklist 255 @AccountSource|cun
Birthdate|Birthdate|date|cun
Description|Contact Description|textarea 32000|cun
OwnerId|Owner ID|reference User Owner|cud
LastActivityDate|Last Activity|date|n
LastCURequestDate|Last Stay-in-Touch Request Date|datetime|n
LastCUUpdateDate|Last Stay-in-Touch Save Date|datetime|n
EmailBouncedReason|Email Bounced Reason|string 255|cun
EmailBouncedDate|Email Bounced Date|datetime|cun
IsEmailBounced|Is Email Bounced|boolean|d
PhotoUrl|Photo URL|url 255|n
Jigsaw|Data.com Key|string 20|cun
JigsawContactId|Jigsaw Contact ID|string 20|n
CleanStatus|Clean Status|picklist 40 @CleanStatus|cunR
IndividualId|Individual ID|reference Individual Individual|cun
LastViewedDate|Last Viewed Date|datetime|n
LastReferencedDate|Last Referenced Date|datetime|n
"""
