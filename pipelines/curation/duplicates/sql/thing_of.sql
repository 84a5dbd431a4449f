-- What a vector of a modality is of: an image, a clip, or a caption in its language.
create macro thing_of(modality, image_sha256, audio_sha256, language, caption) as case modality
  when 'image' then image_sha256
  when 'audio' then audio_sha256
  when 'text' then if(coalesce(caption, '') = '', null, concat_ws(chr(10), coalesce(language, ''), caption))
end
