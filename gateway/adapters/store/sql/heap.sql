-- A heap of lines in a database of its own, which nobody else sees and which is gone when it is closed.

-- name: make_lines
CREATE TABLE lines (subject TEXT NOT NULL, words TEXT NOT NULL) STRICT;

-- name: put_line
INSERT INTO lines (subject, words) VALUES (:subject, :words);

-- name: lines_by_subject
SELECT subject, words FROM lines ORDER BY subject, rowid;
