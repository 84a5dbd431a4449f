-- The MinHash of every passage, in no order.
select position, text_minhash from passages join samples using (uid)
