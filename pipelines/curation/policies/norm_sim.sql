-- negCLIPLoss and NormSim (Wang et al. 2024): good pairs that are near a task's images, for a model of the same task.
-- First: relate batches, and relate targets --targets VIEW/DIGEST or vectors as .npy, both with --embeddings FAMILY;
-- then name both families with --relation. The paper ranks by NormSim after negCLIPLoss; cosines of another model lie
-- elsewhere, so look at the histogram of norm_sim_inf on the data card before you trust its threshold.
-- Do not take a held-out split as the task: near it is where a test must not be learnt.
-- $fraction = 0.3             of the pairs, by negCLIPLoss
-- $min_similarity = 0.7       to the nearest image of the task, in [0, 1]
with threshold as (
  select neg_clip_loss as score
  from samples
  where has_image and has_text
  order by score desc nulls last
  limit 1 offset (select trunc(count(*) * $fraction)::bigint from samples where has_image and has_text)
)

select
  uid,
  not (has_image and has_text) as not_a_pair,
  not coalesce(neg_clip_loss >= (select score from threshold), $fraction >= 1) as common_to_all,
  norm_sim_inf < $min_similarity as far_from_task
from samples
