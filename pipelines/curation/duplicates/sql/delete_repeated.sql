-- A uid that two snapshots have counts where it is first: the engine drops the other by a fault of its own.
delete from samples
where "row" in (
  select "row"
  from (
    select "row", row_number() over (partition by uid order by "row") as number
    from samples
    where uid in (select uid from samples group by uid having count(*) > 1)
  )
  where number > 1
)
