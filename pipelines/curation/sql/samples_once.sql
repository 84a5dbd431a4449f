-- The samples without those whose uid an earlier part has.
-- filled in: samples (a SELECT), repeated (files)
-- out: every column of the samples
select every.* from ({samples}
) as every anti join {repeated} as again on again.uid = every.uid and again.__part = every.__part
