-- How many there are.
select count(*) as num_passages from passages
