-- Where some samples are, and what became of them.
-- in: verdicts (uid, corpus, snapshot, shard, first_fault: one file), wanted (uid)
-- out: uid, corpus, snapshot, shard, first_fault
select verdicts.uid, corpus, snapshot, shard, first_fault from verdicts join wanted using (uid) order by verdicts.uid
