-- What is left of a text where case, width of spaces and composition of accents do not matter.
create macro plain_text(raw) as lower(nfc_normalize(trim(regexp_replace(raw, '\s+', ' ', 'g'))))
