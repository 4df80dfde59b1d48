-- install 1
create schema if not exists "penstock";

-- install 2
create table if not exists "penstock"."snapshots" (kind varchar, id varchar, snapshot varchar, parent varchar, stream varchar, key_shape varchar, recipe varchar, gate varchar, row_count bigint, created_at varchar, named_at varchar);

-- found
create table "penstock"."found_0a1b2c3d4e5f6071" as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m."a" as k0, m."b" as k1, md5_number(concat('980fa8879cf1214f727ed2d760179b70', strlen(cast(m."a" as varchar)), ':', cast(m."a" as varchar), cast(m."b" as varchar), ',', cast(m."c" as varchar), ',', cast(m."d" as varchar), ',', cast(m."e" as varchar), ',', cast(m."f" as varchar), ',', cast(m."g" as varchar), ',', cast(m."h" as varchar), ',', strlen(cast(to_json(m."i") as varchar)), ':', cast(to_json(m."i") as varchar), strlen(cast(to_json(m."j") as varchar)), ':', cast(to_json(m."j") as varchar), strlen(cast(m."k" as varchar)), ':', cast(m."k" as varchar))) as h from "marts"."orders" m where m."a" is not null and m."b" is not null) n full outer join "penstock"."base_0a1b2c3d4e5f6071" o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- without
delete from "penstock"."found_0a1b2c3d4e5f6071" as f where exists (select 1 from (select k0, k1 from (select m."a" as k0, m."b" as k1 from "marts"."orders" m where m."a" is not null and m."b" is not null) g group by k0, k1 having count(*) > 1) r where r.k0 = f.k0 and r.k1 = f.k1);

-- doubled
select count(*) from (select k0, k1 from "penstock"."found_0a1b2c3d4e5f6071" group by k0, k1 having count(*) > 1) c;

-- delta
create table "penstock"."delta_0a1b2c3d4e5f6071" as select row_number() over (order by f.k0, f.k1) as n, case when m."a" is null then 'removed' when f.op = 'removed' then 'changed' else f.op end as op, f.k0 as k0, f.k1 as k1, md5_number(concat('980fa8879cf1214f727ed2d760179b70', strlen(cast(m."a" as varchar)), ':', cast(m."a" as varchar), cast(m."b" as varchar), ',', cast(m."c" as varchar), ',', cast(m."d" as varchar), ',', cast(m."e" as varchar), ',', cast(m."f" as varchar), ',', cast(m."g" as varchar), ',', cast(m."h" as varchar), ',', strlen(cast(to_json(m."i") as varchar)), ':', cast(to_json(m."i") as varchar), strlen(cast(to_json(m."j") as varchar)), ':', cast(to_json(m."j") as varchar), strlen(cast(m."k" as varchar)), ':', cast(m."k" as varchar))) as h, m."a" as c0, m."b" as c1, m."c" as c2, m."d" as c3, m."e" as c4, m."f" as c5, m."g" as c6, m."h" as c7, m."i" as c8, m."j" as c9, m."k" as c10 from "penstock"."found_0a1b2c3d4e5f6071" f left join "marts"."orders" m on m."a" = f.k0 and m."b" = f.k1 where m."a" is not null or f.op <> 'added';

-- delta of the whole model
create table "penstock"."delta_0a1b2c3d4e5f6071" as select row_number() over (order by m."a", m."b") as n, 'added' as op, m."a" as k0, m."b" as k1, md5_number(concat('980fa8879cf1214f727ed2d760179b70', strlen(cast(m."a" as varchar)), ':', cast(m."a" as varchar), cast(m."b" as varchar), ',', cast(m."c" as varchar), ',', cast(m."d" as varchar), ',', cast(m."e" as varchar), ',', cast(m."f" as varchar), ',', cast(m."g" as varchar), ',', cast(m."h" as varchar), ',', strlen(cast(to_json(m."i") as varchar)), ':', cast(to_json(m."i") as varchar), strlen(cast(to_json(m."j") as varchar)), ':', cast(to_json(m."j") as varchar), strlen(cast(m."k" as varchar)), ':', cast(m."k" as varchar))) as h, m."a" as c0, m."b" as c1, m."c" as c2, m."d" as c3, m."e" as c4, m."f" as c5, m."g" as c6, m."h" as c7, m."i" as c8, m."j" as c9, m."k" as c10 from "marts"."orders" m where m."a" is not null and m."b" is not null;

-- total
select count(*), coalesce(sum(case when m."a" is not null and m."b" is not null then 1 else 0 end), 0) from "marts"."orders" m;

-- key_counts
select coalesce(sum(r), 0), coalesce(sum(case when k0 is null or k1 is null then r else 0 end), 0), coalesce(sum(case when k0 is null or k1 is null then 0 else r - 1 end), 0) from (select k0, k1, count(*) as r from (select m."a" as k0, m."b" as k1 from "marts"."orders" m) g group by k0, k1) c;

-- repeated
select k0, k1 from (select m."a" as k0, m."b" as k1 from "marts"."orders" m where m."a" is not null and m."b" is not null) g group by k0, k1 having count(*) > 1;

-- alone
select * from (select * from (select m.*, count(*) over (partition by m."a", m."b") as "_penstock_rank" from "marts"."orders" m where m."a" is not null and m."b" is not null) r where "_penstock_rank" = 1) m;

-- chosen
select * from (select * from (select m.*, row_number() over (partition by m."a", m."b" order by m."a" desc, md5_number(concat('980fa8879cf1214f727ed2d760179b70', strlen(cast(m."a" as varchar)), ':', cast(m."a" as varchar), cast(m."b" as varchar), ',', cast(m."c" as varchar), ',', cast(m."d" as varchar), ',', cast(m."e" as varchar), ',', cast(m."f" as varchar), ',', cast(m."g" as varchar), ',', cast(m."h" as varchar), ',', strlen(cast(to_json(m."i") as varchar)), ':', cast(to_json(m."i") as varchar), strlen(cast(to_json(m."j") as varchar)), ':', cast(to_json(m."j") as varchar), strlen(cast(m."k" as varchar)), ':', cast(m."k" as varchar)))) as "_penstock_rank" from "marts"."orders" m where m."a" is not null and m."b" is not null) r where "_penstock_rank" = 1) m;

-- refused
select * from (select * from (select m.*, count(*) over (partition by m."a", m."b") as "_penstock_rank" from "marts"."orders" m where m."a" is not null and m."b" is not null) r where "_penstock_rank" > 1) m;

-- found among the chosen
create table "penstock"."found_0a1b2c3d4e5f6071" as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m."a" as k0, m."b" as k1, md5_number(concat('980fa8879cf1214f727ed2d760179b70', strlen(cast(m."a" as varchar)), ':', cast(m."a" as varchar), cast(m."b" as varchar), ',', cast(m."c" as varchar), ',', cast(m."d" as varchar), ',', cast(m."e" as varchar), ',', cast(m."f" as varchar), ',', cast(m."g" as varchar), ',', cast(m."h" as varchar), ',', strlen(cast(to_json(m."i") as varchar)), ':', cast(to_json(m."i") as varchar), strlen(cast(to_json(m."j") as varchar)), ':', cast(to_json(m."j") as varchar), strlen(cast(m."k" as varchar)), ':', cast(m."k" as varchar))) as h from (select * from (select m.*, row_number() over (partition by m."a", m."b" order by m."a", md5_number(concat('980fa8879cf1214f727ed2d760179b70', strlen(cast(m."a" as varchar)), ':', cast(m."a" as varchar), cast(m."b" as varchar), ',', cast(m."c" as varchar), ',', cast(m."d" as varchar), ',', cast(m."e" as varchar), ',', cast(m."f" as varchar), ',', cast(m."g" as varchar), ',', cast(m."h" as varchar), ',', strlen(cast(to_json(m."i") as varchar)), ':', cast(to_json(m."i") as varchar), strlen(cast(to_json(m."j") as varchar)), ':', cast(to_json(m."j") as varchar), strlen(cast(m."k" as varchar)), ':', cast(m."k" as varchar)))) as "_penstock_rank" from "marts"."orders" m where m."a" is not null and m."b" is not null) r where "_penstock_rank" = 1) m where m."a" is not null and m."b" is not null) n full outer join "penstock"."base_0a1b2c3d4e5f6071" o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- entries
select kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at from "penstock"."snapshots";

-- entered
insert into "penstock"."snapshots" (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) values ('making', '0a1b', '2c3d', null, 'it''s a \ name', '[]', 'r', null, 3, '2026-01-01', '2026-01-01');

-- entered with a count
insert into "penstock"."snapshots" (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) select 'making', '0a1b', '2c3d', null, 'it''s a \ name', '[]', 'r', null, count(*), '2026-01-01', '2026-01-01' from "penstock"."base_0a1b2c3d4e5f6071";

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
delete from "penstock"."base_0a1b2c3d4e5f6071" as b using "penstock"."delta_0a1b2c3d4e5f6071" as d where b.k0 = d.k0 and b.k1 = d.k1;

-- acknowledged 2
insert into "penstock"."base_0a1b2c3d4e5f6071" (k0, k1, h) select d.k0, d.k1, d.h from "penstock"."delta_0a1b2c3d4e5f6071" as d where d.op <> 'removed';

-- acknowledged to 1
delete from "penstock"."base_0a1b2c3d4e5f6071" as b using "penstock"."delta_0a1b2c3d4e5f6071" as d where b.k0 = d.k0 and b.k1 = d.k1 and d.n <= 7;

-- acknowledged to 2
insert into "penstock"."base_0a1b2c3d4e5f6071" (k0, k1, h) select d.k0, d.k1, d.h from "penstock"."delta_0a1b2c3d4e5f6071" as d where d.op <> 'removed' and d.n <= 7;

-- counted
select count(*) from "penstock"."base_0a1b2c3d4e5f6071";

-- by_operation
select op, count(*) from "penstock"."delta_0a1b2c3d4e5f6071" where n <= 7 group by op;

-- dropped
drop table if exists "penstock"."found_0a1b2c3d4e5f6071";

-- since
select 1 where 1 < cast('5' as VARCHAR);

