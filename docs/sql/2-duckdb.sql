-- For DuckDB: deals_now, and the labels, email addresses and phone numbers of current records.

-- A deal that was archived keeps its last row in deals, and one that was brought back keeps its last
-- row in deals_archived. The newer row is the current one. If both have the same time, archiving has
-- not changed it, and the row in deals_archived was read later. A row without a status is one that the
-- destination keeps of a deleted record ("soft delete"): it does not count.
CREATE OR REPLACE VIEW deals_now AS
SELECT *
FROM (
    SELECT * FROM deals
    WHERE NOT EXISTS (
        SELECT 1
        FROM deals_archived AS other
        WHERE other.id = deals.id
            AND other.status IS NOT NULL
            AND COALESCE(other.update_time, '-infinity') >= COALESCE(deals.update_time, '-infinity')
    )
    UNION ALL BY NAME
    SELECT * FROM deals_archived
    WHERE NOT EXISTS (
        SELECT 1
        FROM deals AS other
        WHERE other.id = deals_archived.id
            AND other.status IS NOT NULL
            AND COALESCE(other.update_time, '-infinity')
            > COALESCE(deals_archived.update_time, '-infinity')
    )
) AS deal
WHERE deal.is_deleted IS NOT TRUE
    AND deal.status <> 'deleted'
    AND NOT EXISTS (
        SELECT 1
        FROM deletions_now AS deletion
        WHERE deletion.object = 'deals'
            AND deletion.id = CAST(deal.id AS VARCHAR)
            AND (deal.update_time > deletion.seen_time) IS NOT TRUE
    );

CREATE OR REPLACE VIEW deal_labels AS
SELECT
    id AS deal_id,
    UNNEST(FROM_JSON(label_ids, '["BIGINT"]')) AS label_id,
    UNNEST(FROM_JSON(label_names, '["VARCHAR"]')) AS label
FROM deals_now;

CREATE OR REPLACE VIEW person_labels AS
SELECT
    id AS person_id,
    UNNEST(FROM_JSON(label_ids, '["BIGINT"]')) AS label_id,
    UNNEST(FROM_JSON(label_names, '["VARCHAR"]')) AS label
FROM persons_now;

CREATE OR REPLACE VIEW organization_labels AS
SELECT
    id AS organization_id,
    UNNEST(FROM_JSON(label_ids, '["BIGINT"]')) AS label_id,
    UNNEST(FROM_JSON(label_names, '["VARCHAR"]')) AS label
FROM organizations_now;

CREATE OR REPLACE VIEW person_emails AS
SELECT person_id, entry.value AS email, entry.label AS label, entry."primary" AS is_primary
FROM (
    SELECT
        id AS person_id,
        UNNEST(
            FROM_JSON(emails, '[{"value": "VARCHAR", "label": "VARCHAR", "primary": "BOOLEAN"}]')
        ) AS entry
    FROM persons_now
) AS listed
WHERE entry.value <> '';

CREATE OR REPLACE VIEW person_phones AS
SELECT person_id, entry.value AS phone, entry.label AS label, entry."primary" AS is_primary
FROM (
    SELECT
        id AS person_id,
        UNNEST(
            FROM_JSON(phones, '[{"value": "VARCHAR", "label": "VARCHAR", "primary": "BOOLEAN"}]')
        ) AS entry
    FROM persons_now
) AS listed
WHERE entry.value <> '';
