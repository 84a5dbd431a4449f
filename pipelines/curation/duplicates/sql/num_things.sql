-- How many there are.
select count(*) as num_things from things
