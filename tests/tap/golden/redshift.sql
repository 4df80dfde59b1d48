-- install 1
create table if not exists "penstock"."snapshots" (kind varchar(65535), id varchar(65535), snapshot varchar(65535), parent varchar(65535), stream varchar(65535), key_shape varchar(65535), recipe varchar(65535), gate varchar(65535), row_count bigint, created_at varchar(65535), named_at varchar(65535));

-- found
create table "penstock"."found_0a1b2c3d4e5f6071" as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m."order id" as k0, m."line" as k1, md5('6fe36d6c46c5a4a424257548e5d64694' || coalesce(cast(length(cast(m."order id" as varchar)) as varchar) || ':' || cast(m."order id" as varchar), '-') || coalesce(md5(m."line"), '-') || coalesce(cast(length(cast(m."amount" as varchar)) as varchar) || ':' || cast(m."amount" as varchar), '-') || case when m."flag" then 't' when not m."flag" then 'f' else '-' end || coalesce(cast(length(cast(m."seen" as varchar)) as varchar) || ':' || cast(m."seen" as varchar), '-') || coalesce(md5(json_serialize(m."doc")), '-') || coalesce(md5(from_varbyte(m."raw", 'hex')), '-')) as h from "marts"."orders" m where m."order id" is not null and m."line" is not null) n full outer join "penstock"."base_0a1b2c3d4e5f6071" o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- without
delete from "penstock"."found_0a1b2c3d4e5f6071" where exists (select 1 from (select k0, k1 from (select m."order id" as k0, m."line" as k1 from "marts"."orders" m where m."order id" is not null and m."line" is not null) g group by k0, k1 having count(*) > 1) r where r.k0 = "found_0a1b2c3d4e5f6071".k0 and r.k1 = "found_0a1b2c3d4e5f6071".k1);

-- doubled
select count(*) from (select k0, k1 from "penstock"."found_0a1b2c3d4e5f6071" group by k0, k1 having count(*) > 1) c;

-- delta
create table "penstock"."delta_0a1b2c3d4e5f6071" as select row_number() over (order by f.k0, f.k1) as n, case when m."order id" is null then 'removed' when f.op = 'removed' then 'changed' else f.op end as op, f.k0 as k0, f.k1 as k1, md5('6fe36d6c46c5a4a424257548e5d64694' || coalesce(cast(length(cast(m."order id" as varchar)) as varchar) || ':' || cast(m."order id" as varchar), '-') || coalesce(md5(m."line"), '-') || coalesce(cast(length(cast(m."amount" as varchar)) as varchar) || ':' || cast(m."amount" as varchar), '-') || case when m."flag" then 't' when not m."flag" then 'f' else '-' end || coalesce(cast(length(cast(m."seen" as varchar)) as varchar) || ':' || cast(m."seen" as varchar), '-') || coalesce(md5(json_serialize(m."doc")), '-') || coalesce(md5(from_varbyte(m."raw", 'hex')), '-')) as h, m."order id" as c0, m."line" as c1, m."amount" as c2, m."flag" as c3, m."seen" as c4, m."doc" as c5, m."raw" as c6 from "penstock"."found_0a1b2c3d4e5f6071" f left join "marts"."orders" m on m."order id" = f.k0 and m."line" = f.k1 where m."order id" is not null or f.op <> 'added';

-- delta of the whole model
create table "penstock"."delta_0a1b2c3d4e5f6071" as select row_number() over (order by m."order id", m."line") as n, 'added' as op, m."order id" as k0, m."line" as k1, md5('6fe36d6c46c5a4a424257548e5d64694' || coalesce(cast(length(cast(m."order id" as varchar)) as varchar) || ':' || cast(m."order id" as varchar), '-') || coalesce(md5(m."line"), '-') || coalesce(cast(length(cast(m."amount" as varchar)) as varchar) || ':' || cast(m."amount" as varchar), '-') || case when m."flag" then 't' when not m."flag" then 'f' else '-' end || coalesce(cast(length(cast(m."seen" as varchar)) as varchar) || ':' || cast(m."seen" as varchar), '-') || coalesce(md5(json_serialize(m."doc")), '-') || coalesce(md5(from_varbyte(m."raw", 'hex')), '-')) as h, m."order id" as c0, m."line" as c1, m."amount" as c2, m."flag" as c3, m."seen" as c4, m."doc" as c5, m."raw" as c6 from "marts"."orders" m where m."order id" is not null and m."line" is not null;

-- total
select count(*), coalesce(sum(case when m."order id" is not null and m."line" is not null then 1 else 0 end), 0) from "marts"."orders" m;

-- key_counts
select coalesce(sum(r), 0), coalesce(sum(case when k0 is null or k1 is null then r else 0 end), 0), coalesce(sum(case when k0 is null or k1 is null then 0 else r - 1 end), 0) from (select k0, k1, count(*) as r from (select m."order id" as k0, m."line" as k1 from "marts"."orders" m) g group by k0, k1) c;

-- repeated
select k0, k1 from (select m."order id" as k0, m."line" as k1 from "marts"."orders" m where m."order id" is not null and m."line" is not null) g group by k0, k1 having count(*) > 1;

-- alone
select * from (select * from (select m.*, count(*) over (partition by m."order id", m."line") as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" = 1) m;

-- chosen
select * from (select * from (select m.*, row_number() over (partition by m."order id", m."line" order by m."order id" desc, md5('6fe36d6c46c5a4a424257548e5d64694' || coalesce(cast(length(cast(m."order id" as varchar)) as varchar) || ':' || cast(m."order id" as varchar), '-') || coalesce(md5(m."line"), '-') || coalesce(cast(length(cast(m."amount" as varchar)) as varchar) || ':' || cast(m."amount" as varchar), '-') || case when m."flag" then 't' when not m."flag" then 'f' else '-' end || coalesce(cast(length(cast(m."seen" as varchar)) as varchar) || ':' || cast(m."seen" as varchar), '-') || coalesce(md5(json_serialize(m."doc")), '-') || coalesce(md5(from_varbyte(m."raw", 'hex')), '-'))) as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" = 1) m;

-- refused
select * from (select * from (select m.*, count(*) over (partition by m."order id", m."line") as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" > 1) m;

-- found among the chosen
create table "penstock"."found_0a1b2c3d4e5f6071" as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m."order id" as k0, m."line" as k1, md5('6fe36d6c46c5a4a424257548e5d64694' || coalesce(cast(length(cast(m."order id" as varchar)) as varchar) || ':' || cast(m."order id" as varchar), '-') || coalesce(md5(m."line"), '-') || coalesce(cast(length(cast(m."amount" as varchar)) as varchar) || ':' || cast(m."amount" as varchar), '-') || case when m."flag" then 't' when not m."flag" then 'f' else '-' end || coalesce(cast(length(cast(m."seen" as varchar)) as varchar) || ':' || cast(m."seen" as varchar), '-') || coalesce(md5(json_serialize(m."doc")), '-') || coalesce(md5(from_varbyte(m."raw", 'hex')), '-')) as h from (select * from (select m.*, row_number() over (partition by m."order id", m."line" order by m."order id", md5('6fe36d6c46c5a4a424257548e5d64694' || coalesce(cast(length(cast(m."order id" as varchar)) as varchar) || ':' || cast(m."order id" as varchar), '-') || coalesce(md5(m."line"), '-') || coalesce(cast(length(cast(m."amount" as varchar)) as varchar) || ':' || cast(m."amount" as varchar), '-') || case when m."flag" then 't' when not m."flag" then 'f' else '-' end || coalesce(cast(length(cast(m."seen" as varchar)) as varchar) || ':' || cast(m."seen" as varchar), '-') || coalesce(md5(json_serialize(m."doc")), '-') || coalesce(md5(from_varbyte(m."raw", 'hex')), '-'))) as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" = 1) m where m."order id" is not null and m."line" is not null) n full outer join "penstock"."base_0a1b2c3d4e5f6071" o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- entries
select kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at from "penstock"."snapshots";

-- entered
insert into "penstock"."snapshots" (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) values ('making', '0a1b', '2c3d', null, ('it''s a ' || chr(92) || ' name'), '[]', 'r', null, 3, '2026-01-01', '2026-01-01');

-- entered with a count
insert into "penstock"."snapshots" (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) select 'making', '0a1b', '2c3d', null, ('it''s a ' || chr(92) || ' name'), '[]', 'r', null, count(*), '2026-01-01', '2026-01-01' from "penstock"."base_0a1b2c3d4e5f6071";

-- superseded 1
delete from "penstock"."snapshots" where kind = 'base' and id = '0a1b';

-- superseded 2
update "penstock"."snapshots" set kind = 'spent' where kind = 'delta' and id = '0a1b';

-- doubted 1
update "penstock"."base_0a1b2c3d4e5f6071" as b set h = null where exists (select 1 from "penstock"."delta_0a1b2c3d4e5f6071" d where b.k0 = d.k0 and b.k1 = d.k1 and d.n > 7);

-- doubted 2
insert into "penstock"."base_0a1b2c3d4e5f6071" (k0, k1) select d.k0, d.k1 from "penstock"."delta_0a1b2c3d4e5f6071" d where d.n > 7 and not exists (select 1 from "penstock"."base_0a1b2c3d4e5f6071" b where b.k0 = d.k0 and b.k1 = d.k1);

-- became
update "penstock"."snapshots" set kind = 'delta', row_count = 3 where kind = 'making' and snapshot = '2c3d';

-- struck
delete from "penstock"."snapshots" where kind = 'base' and id = '0a1b';

-- named
update "penstock"."snapshots" set named_at = '2026-01-01' where kind = 'base' and id = '0a1b';

-- first_base 1
drop table if exists "penstock"."base_0a1b2c3d4e5f6071";

-- first_base 2
create table "penstock"."base_0a1b2c3d4e5f6071" as select k0, k1, h from "penstock"."delta_0a1b2c3d4e5f6071";

-- acknowledged 1
delete from "penstock"."base_0a1b2c3d4e5f6071" using "penstock"."delta_0a1b2c3d4e5f6071" where "base_0a1b2c3d4e5f6071".k0 = "delta_0a1b2c3d4e5f6071".k0 and "base_0a1b2c3d4e5f6071".k1 = "delta_0a1b2c3d4e5f6071".k1;

-- acknowledged 2
insert into "penstock"."base_0a1b2c3d4e5f6071" (k0, k1, h) select d.k0, d.k1, d.h from "penstock"."delta_0a1b2c3d4e5f6071" as d where d.op <> 'removed';

-- acknowledged to 1
delete from "penstock"."base_0a1b2c3d4e5f6071" using "penstock"."delta_0a1b2c3d4e5f6071" where "base_0a1b2c3d4e5f6071".k0 = "delta_0a1b2c3d4e5f6071".k0 and "base_0a1b2c3d4e5f6071".k1 = "delta_0a1b2c3d4e5f6071".k1 and "delta_0a1b2c3d4e5f6071".n <= 7;

-- acknowledged to 2
insert into "penstock"."base_0a1b2c3d4e5f6071" (k0, k1, h) select d.k0, d.k1, d.h from "penstock"."delta_0a1b2c3d4e5f6071" as d where d.op <> 'removed' and d.n <= 7;

-- counted
select count(*) from "penstock"."base_0a1b2c3d4e5f6071";

-- by_operation
select op, count(*) from "penstock"."delta_0a1b2c3d4e5f6071" where n <= 7 group by op;

-- dropped
drop table if exists "penstock"."found_0a1b2c3d4e5f6071";

-- since
select 1 where 1 < cast('5' as bigint);

