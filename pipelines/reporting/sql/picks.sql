-- A few samples of each fate (kept is null, else the first fault), those with the smallest uids: at random, because a
-- uid is a digest, and always the same. Bounded memory: what was picked of earlier files comes in with the next one.
-- in: verdicts (uid, corpus, snapshot, shard, first_fault: one file), picked (the same columns), hidden (uid)
-- params: num_each
-- out: uid, corpus, snapshot, shard, first_fault
with candidates as (
  select uid, corpus, snapshot, shard, first_fault from verdicts where uid not in (select uid from hidden)
  union all
  select uid, corpus, snapshot, shard, first_fault from picked
),

smallest as (
  select first_fault, unnest(arg_min(struct_pack(uid, corpus, snapshot, shard), uid, $num_each)) as place
  from candidates
  group by first_fault
)

select place.uid, place.corpus, place.snapshot, place.shard, first_fault from smallest order by first_fault, place.uid
