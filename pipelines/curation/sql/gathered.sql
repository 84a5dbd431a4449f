-- The samples of some shards with their signals; null where a family has no row, and then a bit in __unmeasured if the
-- sample has what the family measures.
-- filled in: signals (columns), bits (terms), joins (of the families' files)
-- out: every column of placed that is not hidden, the signals, __unmeasured
select placed.* exclude (__facets, __has_image, __has_text, __has_audio), {signals} {bits} as __unmeasured
from placed {joins}
order by placed.__shard, placed.__source_row
