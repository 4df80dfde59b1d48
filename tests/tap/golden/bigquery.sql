-- install 1
create table if not exists `penstock`.`snapshots` (kind string, id string, snapshot string, parent string, stream string, key_shape string, recipe string, gate string, row_count int64, created_at string, named_at string);

-- found
create table `penstock`.`found_0a1b2c3d4e5f6071` options (expiration_timestamp = timestamp_add(current_timestamp(), interval 31 day)) as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m.`order id` as k0, m.`line` as k1, md5(to_json_string(struct('8ba2b103c31db58619926adc85fc4553' as s, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16))) as h from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null) n full outer join `penstock`.`base_0a1b2c3d4e5f6071` o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- without
delete from `penstock`.`found_0a1b2c3d4e5f6071` as f where exists (select 1 from (select k0, k1 from (select m.`order id` as k0, m.`line` as k1 from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null) g group by k0, k1 having count(*) > 1) r where r.k0 = f.k0 and r.k1 = f.k1);

-- doubled
select count(*) from (select k0, k1 from `penstock`.`found_0a1b2c3d4e5f6071` group by k0, k1 having count(*) > 1) c;

-- delta
create table `penstock`.`delta_0a1b2c3d4e5f6071` options (expiration_timestamp = timestamp_add(current_timestamp(), interval 31 day)) as select row_number() over (order by f.k0, f.k1) as n, case when m.`order id` is null then 'removed' when f.op = 'removed' then 'changed' else f.op end as op, f.k0 as k0, f.k1 as k1, md5(to_json_string(struct('8ba2b103c31db58619926adc85fc4553' as s, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16))) as h, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16 from `penstock`.`found_0a1b2c3d4e5f6071` f left join `marts`.`orders` m on m.`order id` = f.k0 and m.`line` = f.k1 where m.`order id` is not null or f.op <> 'added';

-- delta of the whole model
create table `penstock`.`delta_0a1b2c3d4e5f6071` options (expiration_timestamp = timestamp_add(current_timestamp(), interval 31 day)) as select row_number() over (order by m.`order id`, m.`line`) as n, 'added' as op, m.`order id` as k0, m.`line` as k1, md5(to_json_string(struct('8ba2b103c31db58619926adc85fc4553' as s, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16))) as h, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16 from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null;

-- total
select count(*), coalesce(sum(case when m.`order id` is not null and m.`line` is not null then 1 else 0 end), 0) from `marts`.`orders` m;

-- key_counts
select coalesce(sum(r), 0), coalesce(sum(case when k0 is null or k1 is null then r else 0 end), 0), coalesce(sum(case when k0 is null or k1 is null then 0 else r - 1 end), 0) from (select k0, k1, count(*) as r from (select m.`order id` as k0, m.`line` as k1 from `marts`.`orders` m) g group by k0, k1) c;

-- repeated
select k0, k1 from (select m.`order id` as k0, m.`line` as k1 from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null) g group by k0, k1 having count(*) > 1;

-- alone
select * from (select * from (select m.*, count(*) over (partition by m.`order id`, m.`line`) as `_penstock_rank` from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null) r where `_penstock_rank` = 1) m;

-- chosen
select * from (select * from (select m.*, row_number() over (partition by m.`order id`, m.`line` order by m.`order id` desc, md5(to_json_string(struct('8ba2b103c31db58619926adc85fc4553' as s, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16)))) as `_penstock_rank` from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null) r where `_penstock_rank` = 1) m;

-- refused
select * from (select * from (select m.*, count(*) over (partition by m.`order id`, m.`line`) as `_penstock_rank` from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null) r where `_penstock_rank` > 1) m;

-- found among the chosen
create table `penstock`.`found_0a1b2c3d4e5f6071` options (expiration_timestamp = timestamp_add(current_timestamp(), interval 31 day)) as select coalesce(n.k0, o.k0) as k0, coalesce(n.k1, o.k1) as k1, case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op from (select m.`order id` as k0, m.`line` as k1, md5(to_json_string(struct('8ba2b103c31db58619926adc85fc4553' as s, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16))) as h from (select * from (select m.*, row_number() over (partition by m.`order id`, m.`line` order by m.`order id`, md5(to_json_string(struct('8ba2b103c31db58619926adc85fc4553' as s, m.`order id` as c0, m.`line` as c1, m.`numeric` as c2, m.`bignumeric` as c3, m.`float64` as c4, m.`bool` as c5, m.`date` as c6, m.`time` as c7, m.`timestamp` as c8, m.`datetime` as c9, m.`bytes` as c10, m.`json` as c11, m.`geography` as c12, m.`interval` as c13, m.`new` as c14, m.`struct` as c15, m.`array` as c16)))) as `_penstock_rank` from `marts`.`orders` m where m.`order id` is not null and m.`line` is not null) r where `_penstock_rank` = 1) m where m.`order id` is not null and m.`line` is not null) n full outer join `penstock`.`base_0a1b2c3d4e5f6071` o on n.k0 = o.k0 and n.k1 = o.k1 where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h;

-- entries
select kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at from `penstock`.`snapshots`;

-- entered
insert into `penstock`.`snapshots` (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) values ('making', '0a1b', '2c3d', null, 'it\'s a \\ name', '[]', 'r', null, 3, '2026-01-01', '2026-01-01');

-- entered with a count
insert into `penstock`.`snapshots` (kind, id, snapshot, parent, stream, key_shape, recipe, gate, row_count, created_at, named_at) select 'making', '0a1b', '2c3d', null, 'it\'s a \\ name', '[]', 'r', null, count(*), '2026-01-01', '2026-01-01' from `penstock`.`base_0a1b2c3d4e5f6071`;

-- superseded 1
delete from `penstock`.`snapshots` where kind = 'base' and id = '0a1b';

-- superseded 2
update `penstock`.`snapshots` set kind = 'spent' where kind = 'delta' and id = '0a1b';

-- doubted 1
update `penstock`.`base_0a1b2c3d4e5f6071` as b set h = null where exists (select 1 from `penstock`.`delta_0a1b2c3d4e5f6071` d where b.k0 = d.k0 and b.k1 = d.k1 and d.n > 7);

-- doubted 2
insert into `penstock`.`base_0a1b2c3d4e5f6071` (k0, k1) select d.k0, d.k1 from `penstock`.`delta_0a1b2c3d4e5f6071` d where d.n > 7 and not exists (select 1 from `penstock`.`base_0a1b2c3d4e5f6071` b where b.k0 = d.k0 and b.k1 = d.k1);

-- became
update `penstock`.`snapshots` set kind = 'delta', row_count = 3 where kind = 'making' and snapshot = '2c3d';

-- struck
delete from `penstock`.`snapshots` where kind = 'base' and id = '0a1b';

-- named
update `penstock`.`snapshots` set named_at = '2026-01-01' where kind = 'base' and id = '0a1b';

-- first_base 1
drop table if exists `penstock`.`base_0a1b2c3d4e5f6071`;

-- first_base 2
create table `penstock`.`base_0a1b2c3d4e5f6071` as select k0, k1, h from `penstock`.`delta_0a1b2c3d4e5f6071`;

-- acknowledged 1
merge into `penstock`.`base_0a1b2c3d4e5f6071` as b using (select k0, k1, h, op from `penstock`.`delta_0a1b2c3d4e5f6071`) as d on b.k0 = d.k0 and b.k1 = d.k1 when matched and d.op = 'removed' then delete when matched then update set h = d.h when not matched and d.op <> 'removed' then insert (k0, k1, h) values (d.k0, d.k1, d.h);

-- acknowledged to 1
merge into `penstock`.`base_0a1b2c3d4e5f6071` as b using (select k0, k1, h, op from `penstock`.`delta_0a1b2c3d4e5f6071` where n <= 7) as d on b.k0 = d.k0 and b.k1 = d.k1 when matched and d.op = 'removed' then delete when matched then update set h = d.h when not matched and d.op <> 'removed' then insert (k0, k1, h) values (d.k0, d.k1, d.h);

-- counted
select count(*) from `penstock`.`base_0a1b2c3d4e5f6071`;

-- by_operation
select op, count(*) from `penstock`.`delta_0a1b2c3d4e5f6071` where n <= 7 group by op;

-- dropped
drop table if exists `penstock`.`found_0a1b2c3d4e5f6071`;

-- since
select 1 where 1 < cast('5' as INT64);

-- model
select `order id` as `order id`, `line` as `line`, `numeric` as `numeric`, `bignumeric` as `bignumeric`, `float64` as `float64`, `bool` as `bool`, `date` as `date`, `time` as `time`, `timestamp` as `timestamp`, `datetime` as `datetime`, `bytes` as `bytes`, if(`json` is null, null, to_json_string(`json`)) as `json`, st_astext(`geography`) as `geography`, cast(`interval` as string) as `interval`, cast(`new` as string) as `new`, if(`struct` is null, null, to_json_string(`struct`)) as `struct`, if(`array` is null, null, to_json_string(`array`)) as `array` from `marts`.`orders`;

-- read
select m.c0 as f0, m.c1 as f1, cast(m.c2 as string) as f2, cast(m.c3 as string) as f3, m.c4 as f4, m.c5 as f5, m.c6 as f6, m.c7 as f7, unix_micros(m.c8) as f8, unix_micros(timestamp(m.c9)) as f9, to_base64(m.c10) as f10, m.c11 as f11, m.c12 as f12, m.c13 as f13, m.c14 as f14, m.c15 as f15, m.c16 as f16 from `penstock`.`delta_0a1b2c3d4e5f6071` m where m.c9 >= datetime(cast('2026-01-01T00:00:00.000000+00:00' as timestamp));

