-- install 1
create table if not exists "penstock"."snapshots" (kind varchar, id varchar, snapshot varchar, parent varchar, stream varchar, key_shape varchar, recipe varchar, gate varchar, row_count bigint, created_at varchar, named_at varchar);

-- found
create transient table "penstock"."found_0a1b2c3d4e5f6071" as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m."order id" as k0, m."line" as k1, md5_binary('c311ed032921e270197725694b4dc29f' || coalesce(to_varchar(length(to_varchar(m."order id"))) || ':' || to_varchar(m."order id"), '-') || coalesce(to_varchar(length(m."line")) || ':' || m."line", '-') || coalesce(to_varchar(length(to_varchar(m."number"))) || ':' || to_varchar(m."number"), '-') || coalesce(to_varchar(length(to_varchar(hash(m."real")))) || ':' || to_varchar(hash(m."real")), '-') || coalesce(to_varchar(length(to_varchar(m."boolean"))) || ':' || to_varchar(m."boolean"), '-') || coalesce(to_varchar(length(to_varchar(m."date", 'YYYY-MM-DD'))) || ':' || to_varchar(m."date", 'YYYY-MM-DD'), '-') || coalesce(to_varchar(length(to_varchar(m."time", 'HH24:MI:SS.FF9'))) || ':' || to_varchar(m."time", 'HH24:MI:SS.FF9'), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_tz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_tz")), '-') || coalesce(md5(hex_encode(m."binary")), '-') || coalesce(md5(to_json(m."variant")), '-') || coalesce(md5(to_json(to_variant(m."object"))), '-') || coalesce(md5(to_json(to_variant(cast(m."vector" as array)))), '-') || coalesce(md5(st_aswkt(m."geography")), '-') || coalesce(to_varchar(length(to_varchar(m."new"))) || ':' || to_varchar(m."new"), '-')) as h from "marts"."orders" m where m."order id" is not null and m."line" is not null) n full outer join "penstock"."base_0a1b2c3d4e5f6071" o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- without
delete from "penstock"."found_0a1b2c3d4e5f6071" as f where exists (select 1 from (select k0, k1 from (select m."order id" as k0, m."line" as k1 from "marts"."orders" m where m."order id" is not null and m."line" is not null) g group by k0, k1 having count(*) > 1) r where r.k0 = f.k0 and r.k1 = f.k1);

-- doubled
select count(*) from (select k0, k1 from "penstock"."found_0a1b2c3d4e5f6071" group by k0, k1 having count(*) > 1) c;

-- delta
create transient table "penstock"."delta_0a1b2c3d4e5f6071" as select row_number() over (order by f.k0, f.k1) as n, case when m."order id" is null then 'removed' when f.op = 'removed' then 'changed' else f.op end as op, f.k0 as k0, f.k1 as k1, md5_binary('c311ed032921e270197725694b4dc29f' || coalesce(to_varchar(length(to_varchar(m."order id"))) || ':' || to_varchar(m."order id"), '-') || coalesce(to_varchar(length(m."line")) || ':' || m."line", '-') || coalesce(to_varchar(length(to_varchar(m."number"))) || ':' || to_varchar(m."number"), '-') || coalesce(to_varchar(length(to_varchar(hash(m."real")))) || ':' || to_varchar(hash(m."real")), '-') || coalesce(to_varchar(length(to_varchar(m."boolean"))) || ':' || to_varchar(m."boolean"), '-') || coalesce(to_varchar(length(to_varchar(m."date", 'YYYY-MM-DD'))) || ':' || to_varchar(m."date", 'YYYY-MM-DD'), '-') || coalesce(to_varchar(length(to_varchar(m."time", 'HH24:MI:SS.FF9'))) || ':' || to_varchar(m."time", 'HH24:MI:SS.FF9'), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_tz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_tz")), '-') || coalesce(md5(hex_encode(m."binary")), '-') || coalesce(md5(to_json(m."variant")), '-') || coalesce(md5(to_json(to_variant(m."object"))), '-') || coalesce(md5(to_json(to_variant(cast(m."vector" as array)))), '-') || coalesce(md5(st_aswkt(m."geography")), '-') || coalesce(to_varchar(length(to_varchar(m."new"))) || ':' || to_varchar(m."new"), '-')) as h, m."order id" as c0, m."line" as c1, m."number" as c2, m."real" as c3, m."boolean" as c4, m."date" as c5, m."time" as c6, m."timestamp_ntz" as c7, m."timestamp_tz" as c8, m."binary" as c9, m."variant" as c10, m."object" as c11, m."vector" as c12, m."geography" as c13, m."new" as c14 from "penstock"."found_0a1b2c3d4e5f6071" f left join "marts"."orders" m on m."order id" = f.k0 and m."line" = f.k1 where m."order id" is not null or f.op <> 'added';

-- delta of the whole model
create transient table "penstock"."delta_0a1b2c3d4e5f6071" as select row_number() over (order by m."order id", m."line") as n, 'added' as op, m."order id" as k0, m."line" as k1, md5_binary('c311ed032921e270197725694b4dc29f' || coalesce(to_varchar(length(to_varchar(m."order id"))) || ':' || to_varchar(m."order id"), '-') || coalesce(to_varchar(length(m."line")) || ':' || m."line", '-') || coalesce(to_varchar(length(to_varchar(m."number"))) || ':' || to_varchar(m."number"), '-') || coalesce(to_varchar(length(to_varchar(hash(m."real")))) || ':' || to_varchar(hash(m."real")), '-') || coalesce(to_varchar(length(to_varchar(m."boolean"))) || ':' || to_varchar(m."boolean"), '-') || coalesce(to_varchar(length(to_varchar(m."date", 'YYYY-MM-DD'))) || ':' || to_varchar(m."date", 'YYYY-MM-DD'), '-') || coalesce(to_varchar(length(to_varchar(m."time", 'HH24:MI:SS.FF9'))) || ':' || to_varchar(m."time", 'HH24:MI:SS.FF9'), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_tz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_tz")), '-') || coalesce(md5(hex_encode(m."binary")), '-') || coalesce(md5(to_json(m."variant")), '-') || coalesce(md5(to_json(to_variant(m."object"))), '-') || coalesce(md5(to_json(to_variant(cast(m."vector" as array)))), '-') || coalesce(md5(st_aswkt(m."geography")), '-') || coalesce(to_varchar(length(to_varchar(m."new"))) || ':' || to_varchar(m."new"), '-')) as h, m."order id" as c0, m."line" as c1, m."number" as c2, m."real" as c3, m."boolean" as c4, m."date" as c5, m."time" as c6, m."timestamp_ntz" as c7, m."timestamp_tz" as c8, m."binary" as c9, m."variant" as c10, m."object" as c11, m."vector" as c12, m."geography" as c13, m."new" as c14 from "marts"."orders" m where m."order id" is not null and m."line" is not null;

-- total
select count(*), coalesce(sum(case when m."order id" is not null and m."line" is not null then 1 else 0 end), 0) from "marts"."orders" m;

-- key_counts
select coalesce(sum(r), 0), coalesce(sum(case when k0 is null or k1 is null then r else 0 end), 0), coalesce(sum(case when k0 is null or k1 is null then 0 else r - 1 end), 0) from (select k0, k1, count(*) as r from (select m."order id" as k0, m."line" as k1 from "marts"."orders" m) g group by k0, k1) c;

-- repeated
select k0, k1 from (select m."order id" as k0, m."line" as k1 from "marts"."orders" m where m."order id" is not null and m."line" is not null) g group by k0, k1 having count(*) > 1;

-- alone
select * from (select * from (select m.*, count(*) over (partition by m."order id", m."line") as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" = 1) m;

-- chosen
select * from (select * from (select m.*, row_number() over (partition by m."order id", m."line" order by m."order id" desc, md5_binary('c311ed032921e270197725694b4dc29f' || coalesce(to_varchar(length(to_varchar(m."order id"))) || ':' || to_varchar(m."order id"), '-') || coalesce(to_varchar(length(m."line")) || ':' || m."line", '-') || coalesce(to_varchar(length(to_varchar(m."number"))) || ':' || to_varchar(m."number"), '-') || coalesce(to_varchar(length(to_varchar(hash(m."real")))) || ':' || to_varchar(hash(m."real")), '-') || coalesce(to_varchar(length(to_varchar(m."boolean"))) || ':' || to_varchar(m."boolean"), '-') || coalesce(to_varchar(length(to_varchar(m."date", 'YYYY-MM-DD'))) || ':' || to_varchar(m."date", 'YYYY-MM-DD'), '-') || coalesce(to_varchar(length(to_varchar(m."time", 'HH24:MI:SS.FF9'))) || ':' || to_varchar(m."time", 'HH24:MI:SS.FF9'), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_tz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_tz")), '-') || coalesce(md5(hex_encode(m."binary")), '-') || coalesce(md5(to_json(m."variant")), '-') || coalesce(md5(to_json(to_variant(m."object"))), '-') || coalesce(md5(to_json(to_variant(cast(m."vector" as array)))), '-') || coalesce(md5(st_aswkt(m."geography")), '-') || coalesce(to_varchar(length(to_varchar(m."new"))) || ':' || to_varchar(m."new"), '-'))) as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" = 1) m;

-- refused
select * from (select * from (select m.*, count(*) over (partition by m."order id", m."line") as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" > 1) m;

-- found among the chosen
create transient table "penstock"."found_0a1b2c3d4e5f6071" as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m."order id" as k0, m."line" as k1, md5_binary('c311ed032921e270197725694b4dc29f' || coalesce(to_varchar(length(to_varchar(m."order id"))) || ':' || to_varchar(m."order id"), '-') || coalesce(to_varchar(length(m."line")) || ':' || m."line", '-') || coalesce(to_varchar(length(to_varchar(m."number"))) || ':' || to_varchar(m."number"), '-') || coalesce(to_varchar(length(to_varchar(hash(m."real")))) || ':' || to_varchar(hash(m."real")), '-') || coalesce(to_varchar(length(to_varchar(m."boolean"))) || ':' || to_varchar(m."boolean"), '-') || coalesce(to_varchar(length(to_varchar(m."date", 'YYYY-MM-DD'))) || ':' || to_varchar(m."date", 'YYYY-MM-DD'), '-') || coalesce(to_varchar(length(to_varchar(m."time", 'HH24:MI:SS.FF9'))) || ':' || to_varchar(m."time", 'HH24:MI:SS.FF9'), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_tz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_tz")), '-') || coalesce(md5(hex_encode(m."binary")), '-') || coalesce(md5(to_json(m."variant")), '-') || coalesce(md5(to_json(to_variant(m."object"))), '-') || coalesce(md5(to_json(to_variant(cast(m."vector" as array)))), '-') || coalesce(md5(st_aswkt(m."geography")), '-') || coalesce(to_varchar(length(to_varchar(m."new"))) || ':' || to_varchar(m."new"), '-')) as h from (select * from (select m.*, row_number() over (partition by m."order id", m."line" order by m."order id", md5_binary('c311ed032921e270197725694b4dc29f' || coalesce(to_varchar(length(to_varchar(m."order id"))) || ':' || to_varchar(m."order id"), '-') || coalesce(to_varchar(length(m."line")) || ':' || m."line", '-') || coalesce(to_varchar(length(to_varchar(m."number"))) || ':' || to_varchar(m."number"), '-') || coalesce(to_varchar(length(to_varchar(hash(m."real")))) || ':' || to_varchar(hash(m."real")), '-') || coalesce(to_varchar(length(to_varchar(m."boolean"))) || ':' || to_varchar(m."boolean"), '-') || coalesce(to_varchar(length(to_varchar(m."date", 'YYYY-MM-DD'))) || ':' || to_varchar(m."date", 'YYYY-MM-DD'), '-') || coalesce(to_varchar(length(to_varchar(m."time", 'HH24:MI:SS.FF9'))) || ':' || to_varchar(m."time", 'HH24:MI:SS.FF9'), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_ntz")), '-') || coalesce(to_varchar(length(to_varchar(date_part(epoch_microsecond, m."timestamp_tz")))) || ':' || to_varchar(date_part(epoch_microsecond, m."timestamp_tz")), '-') || coalesce(md5(hex_encode(m."binary")), '-') || coalesce(md5(to_json(m."variant")), '-') || coalesce(md5(to_json(to_variant(m."object"))), '-') || coalesce(md5(to_json(to_variant(cast(m."vector" as array)))), '-') || coalesce(md5(st_aswkt(m."geography")), '-') || coalesce(to_varchar(length(to_varchar(m."new"))) || ':' || to_varchar(m."new"), '-'))) as "_penstock_rank" from "marts"."orders" m where m."order id" is not null and m."line" is not null) r where "_penstock_rank" = 1) m where m."order id" is not null and m."line" is not null) n full outer join "penstock"."base_0a1b2c3d4e5f6071" o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- entries
select kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at from "penstock"."snapshots";

-- entered
insert into "penstock"."snapshots" (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) values ('making', '0a1b', '2c3d', null, 'it''s a \\ name', '[]', 'r', null, 3, '2026-01-01', '2026-01-01');

-- entered with a count
insert into "penstock"."snapshots" (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) select 'making', '0a1b', '2c3d', null, 'it''s a \\ name', '[]', 'r', null, count(*), '2026-01-01', '2026-01-01' from "penstock"."base_0a1b2c3d4e5f6071";

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
create transient table "penstock"."base_0a1b2c3d4e5f6071" as select k0, k1, h from "penstock"."delta_0a1b2c3d4e5f6071";

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
select 1 where 1 < cast('5' as NUMBER(38,0));

-- read
select m.c0 as f0, m.c1 as f1, m.c2 as f2, m.c3 as f3, m.c4 as f4, m.c5 as f5, m.c6 as f6, date_part(epoch_microsecond, m.c7) as f7, date_part(epoch_microsecond, m.c8) as f8, base64_encode(m.c9) as f9, to_json(m.c10) as f10, to_json(to_variant(m.c11)) as f11, to_json(to_variant(cast(m.c12 as array))) as f12, st_aswkt(m.c13) as f13, to_varchar(m.c14) as f14 from "penstock"."delta_0a1b2c3d4e5f6071" m where m.c8 >= cast('2026-01-01T00:00:00.000000+00:00' as TIMESTAMP_TZ(9));

