import tarfile

from pipelines.exporting.packed import packed_shards


def test_samples_and_members_lie_where_the_tar_has_them(packed, selection):
    for shard, path in zip(packed_shards(selection), packed.shards, strict=True):
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        listed = [
            (f"{sample.uid}.{member.extension}", member.offset, member.size)
            for sample in shard.samples
            for member in sample.members
        ]
        assert listed == [(member.name, member.offset_data, member.size) for member in members]
        headers = {member.name.split(".")[0]: member.offset for member in reversed(members)}
        assert {sample.uid: sample.start for sample in shard.samples} == headers
        assert shard.num_bytes == path.stat().st_size
        assert path.read_bytes()[shard.end :] == bytes(1024)


def test_no_tar_is_opened_to_list_them(packed, selection):
    for path in packed.shards:
        path.unlink()
    assert [len(shard.samples) for shard in packed_shards(selection)] == [4, 4, 2]


def test_parts_of_a_sample_are_those_that_it_has(selection):
    (first, second, *_), *_ = (shard.samples for shard in packed_shards(selection))
    assert first.has("image", "text", "audio")
    assert second.has("image")
    assert not second.has("text")
    assert not second.has("image", "audio")
