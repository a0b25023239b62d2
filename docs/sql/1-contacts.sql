-- For DuckDB and PostgreSQL: deletions_now, persons_now, organizations_now.

-- The records that are deleted now. A record that came back since is not among them. Whatever nothing
-- proves to be deleted (unreachable) may still exist, so it does not count. Without evidence, Pipedrive
-- reports the deletion, and nobody asked: that counts. A table that loses deleted rows has no such row.
CREATE OR REPLACE VIEW deletions_now AS
SELECT object, id, MAX(seen_time) AS seen_time, MAX(deleted_time) AS deleted_time
FROM deleted_records
WHERE restored_time IS NOT NULL OR COALESCE(evidence, '') <> 'unreachable'
GROUP BY object, id
HAVING MAX(restored_time) IS NULL
    OR MAX(restored_time) < MAX(CASE WHEN restored_time IS NULL THEN seen_time END);

-- A row that is newer than the deletion proves that the record came back.
CREATE OR REPLACE VIEW persons_now AS
SELECT persons.*
FROM persons
WHERE persons.is_deleted IS NOT TRUE
    AND NOT EXISTS (
        SELECT 1
        FROM deletions_now AS deletion
        WHERE deletion.object = 'persons'
            AND deletion.id = CAST(persons.id AS VARCHAR)
            AND (persons.update_time > deletion.seen_time) IS NOT TRUE
    );

CREATE OR REPLACE VIEW organizations_now AS
SELECT organizations.*
FROM organizations
WHERE organizations.is_deleted IS NOT TRUE
    AND NOT EXISTS (
        SELECT 1
        FROM deletions_now AS deletion
        WHERE deletion.object = 'organizations'
            AND deletion.id = CAST(organizations.id AS VARCHAR)
            AND (organizations.update_time > deletion.seen_time) IS NOT TRUE
    );
