-- The next morning, 18 June 2026: what an extract-and-load job would have changed in the raw tables over night.
-- Plain SQL for DuckDB. Applied twice it changes nothing more. No page views: today's come when the day is whole.

begin;

-- Seventeen people gave another phone number.
update raw.people as people set phone = new.phone
from (values
    (7, '+44 20 7946 0911'), (185, '+1 415-555-0101'), (205, '+1 312-555-0102'), (302, '+1 503-555-0103'),
    (399, '+1 212-555-0104'), (452, '+1 617-555-0105'), (541, '+1 415-555-0106'), (593, '+1 312-555-0107'),
    (690, '+1 503-555-0108'), (808, '+49 30 23125912'), (884, '+1 617-555-0110'), (981, '+1 415-555-0111'),
    (1078, '+1 312-555-0112'), (1253, '+1 503-555-0113'), (1431, '+1 212-555-0114'), (1520, '+33 1 99 00 91 15'),
    (1660, '+1 415-555-0116')
) as new (person_id, phone)
where people.person_id = new.person_id;

-- Eight go by another last name.
update raw.people as people set last_name = new.last_name
from (values
    (96, 'Sáenz Tejeda'), (274, 'Umeh-Lawal'), (363, 'Moreau-Vallée'), (719, 'Quayle-O''Brien'),
    (787, 'Núñez'), (986, 'Åkesson'), (1342, 'Nyström Dahlgren'), (1757, 'Balogun')
) as new (person_id, last_name)
where people.person_id = new.person_id;

-- Lena Fischer's address, malformed until now, is put right.
update raw.people set email = 'lena.fischer@example.com' where person_id = 404;

-- Ten accounts on the team plan take two more seats each, and have paid for them.
update raw.subscriptions as subscriptions set seats = new.seats
from (values
    (20, 14), (71, 14), (101, 15), (155, 11), (185, 10), (276, 11), (298, 12), (300, 10), (310, 10), (345, 10)
) as new (account_id, seats)
where subscriptions.account_id = new.account_id and subscriptions.status = 'active';

delete from raw.invoices where invoice_id between 1487 and 1496;
insert into raw.invoices (invoice_id, account_id, amount, currency, status, issued_on, paid_on) values
    (1487, 20, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-17'),
    (1488, 71, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-17'),
    (1489, 101, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-17'),
    (1490, 155, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-18'),
    (1491, 185, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-17'),
    (1492, 276, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-18'),
    (1493, 298, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-17'),
    (1494, 300, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-17'),
    (1495, 310, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-18'),
    (1496, 345, 48.00, 'EUR', 'paid', '2026-06-17', '2026-06-17');

-- Three accounts go from free to a paid plan. Their first invoices are not paid yet.
update raw.subscriptions set status = 'ended', ended_on = '2026-06-18'
where plan_code = 'free' and account_id in (388, 405, 414);

delete from raw.subscriptions where subscription_id between 637 and 639;
insert into raw.subscriptions (subscription_id, account_id, plan_code, seats, status, started_on, ended_on) values
    (637, 388, 'team', 6, 'active', '2026-06-18', null),
    (638, 405, 'starter', 5, 'active', '2026-06-18', null),
    (639, 414, 'starter', 4, 'active', '2026-06-18', null);

-- Three people signed up. The first had come by an advert the day before, as a visitor without a name.
delete from raw.people where person_id between 2601 and 2603;
insert into raw.people (person_id, email, first_name, last_name, phone, account_id, created_at) values
    (2601, 'siobhan.tredinnick@mail.example.com', 'Siobhán', 'Tredinnick', '+44 20 7946 0960', null, '2026-06-18 06:41:07'),
    (2602, 'misaki.watanabe@post.example.org', '美咲', '渡辺', null, null, '2026-06-18 07:02:55'),
    (2603, 'folake.ogunlade@cobaltmere-fabrics.example.com', 'Folákẹ́', 'Ogunlade', '+44 7700 900961', 414, '2026-06-18 07:15:32');

delete from raw.signups where signup_id between 2055 and 2057;
insert into raw.signups (signup_id, person_id, visitor_id, signed_up_at) values
    (2055, 2601, 'v833766de6', '2026-06-18 06:41:07'),
    (2056, 2602, 'v900017c4e', '2026-06-18 07:02:55'),
    (2057, 2603, 'v90002a91b', '2026-06-18 07:15:32');

commit;
