-- The things whose vectors are read from one shard.
-- params: part, shard
select uid, position from things join samples using (uid) where part = $part and shard = $shard
