-- Rows of sidecars that have the asked id, url or name, and all other rows of the same content.
-- in: $files, and one of $uid, $sha256, $url, $reference (the others null)
-- out: file, is_match and columns that say what a row is, matches first
with records as (
    select
        filename as file, source_row, reference, uid, content_id, status, error_message, caption, language,
        url, license, source, sha256, sha256_stored, image_sha256, audio_sha256
    from read_parquet($files, filename = true, union_by_name = true)
),
judged as (
    select
        *,
        coalesce(uid = $uid, false)
        or coalesce($sha256 in (sha256, sha256_stored, image_sha256, audio_sha256), false)
        or coalesce(url = $url, false)
        or coalesce(reference = $reference, false) as is_match
    from records
),
contents as (select distinct content_id from judged where is_match and content_id is not null)
select * from judged
where is_match or content_id in (from contents)
order by not is_match, file, source_row
