-- DataComp's baseline "no filter" (Gadre et al. 2023): every sample of the pool, its copies too.
-- What the engine adds stays: withdrawn samples, contaminated ones, and training samples near held-out ones.
-- @duplicates = {}
select uid
from samples
