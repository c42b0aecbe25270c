"""Files in, files out.

    open_records (readers) -> map_keys, split_record (fields) -> a model -> join_result (fields)
        -> Spool (spool) -> write_records (writers)

Each format has a module of its own that reads it, writes it, or both: `fasta`, `jsonl`, `table`, `parquet`, `npz`.
`source` and `output` know what can be wrong with a file whatever its format; `columns` and `arrays` turn rows into
columns for the formats that are made of them; `chunks` is how rows are kept on the disk until all of them are there.
"""
