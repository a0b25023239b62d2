-- For PostgreSQL: deals_now, and the labels, email addresses and phone numbers of current records.

-- A deal that was archived keeps its last row in deals, and one that was brought back keeps its last
-- row in deals_archived. The newer row is the current one. If both have the same time, archiving has
-- not changed it, and the row in deals_archived was read later. A row without a status is one that the
-- destination keeps of a deleted record ("soft delete"): it does not count.
--
-- PostgreSQL matches the columns of a union by place, and a new custom field may be in another place
-- of each table. So this lists, by name, the columns that both tables have.
DO $do$
DECLARE
    shared_columns TEXT;
BEGIN
    SELECT STRING_AGG(QUOTE_IDENT(attname), ', ' ORDER BY attnum)
    INTO shared_columns
    FROM pg_attribute
    WHERE attrelid = 'deals'::REGCLASS AND attnum > 0 AND NOT attisdropped
        AND attname IN (
            SELECT attname FROM pg_attribute WHERE attrelid = 'deals_archived'::REGCLASS
        );

    EXECUTE FORMAT($view$
        CREATE OR REPLACE VIEW deals_now AS
        SELECT %1$s
        FROM (
            SELECT %1$s FROM deals
            WHERE NOT EXISTS (
                SELECT 1
                FROM deals_archived AS other
                WHERE other.id = deals.id
                    AND other.status IS NOT NULL
                    AND COALESCE(other.update_time, '-infinity') >= COALESCE(deals.update_time, '-infinity')
            )
            UNION ALL
            SELECT %1$s FROM deals_archived
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
            )
    $view$, shared_columns);
END
$do$;

-- Airbyte's destination stores lists as jsonb, PyAirbyte as json, with a JSON null where there is none.
CREATE OR REPLACE VIEW deal_labels AS
SELECT
    deals_now.id AS deal_id,
    label.id::BIGINT AS label_id,
    deals_now.label_names::JSONB ->> (label.place - 1)::INTEGER AS label
FROM deals_now
CROSS JOIN LATERAL
    JSONB_ARRAY_ELEMENTS_TEXT(NULLIF(deals_now.label_ids::JSONB, 'null')) WITH ORDINALITY AS label (id, place);

CREATE OR REPLACE VIEW person_labels AS
SELECT
    persons_now.id AS person_id,
    label.id::BIGINT AS label_id,
    persons_now.label_names::JSONB ->> (label.place - 1)::INTEGER AS label
FROM persons_now
CROSS JOIN LATERAL
    JSONB_ARRAY_ELEMENTS_TEXT(NULLIF(persons_now.label_ids::JSONB, 'null')) WITH ORDINALITY AS label (id, place);

CREATE OR REPLACE VIEW organization_labels AS
SELECT
    organizations_now.id AS organization_id,
    label.id::BIGINT AS label_id,
    organizations_now.label_names::JSONB ->> (label.place - 1)::INTEGER AS label
FROM organizations_now
CROSS JOIN LATERAL
    JSONB_ARRAY_ELEMENTS_TEXT(NULLIF(organizations_now.label_ids::JSONB, 'null')) WITH ORDINALITY AS label (id, place);

CREATE OR REPLACE VIEW person_emails AS
SELECT
    persons_now.id AS person_id,
    entry ->> 'value' AS email,
    entry ->> 'label' AS label,
    (entry ->> 'primary')::BOOLEAN AS is_primary
FROM persons_now
CROSS JOIN LATERAL JSONB_ARRAY_ELEMENTS(NULLIF(persons_now.emails::JSONB, 'null')) AS entry
WHERE entry ->> 'value' <> '';

CREATE OR REPLACE VIEW person_phones AS
SELECT
    persons_now.id AS person_id,
    entry ->> 'value' AS phone,
    entry ->> 'label' AS label,
    (entry ->> 'primary')::BOOLEAN AS is_primary
FROM persons_now
CROSS JOIN LATERAL JSONB_ARRAY_ELEMENTS(NULLIF(persons_now.phones::JSONB, 'null')) AS entry
WHERE entry ->> 'value' <> '';
