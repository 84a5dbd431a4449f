-- What the engine found of each sample.
-- in: marks (uid, bits)
-- out: uid, bits
select uid, bit_or(bits) as bits from marks group by uid
