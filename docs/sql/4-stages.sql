-- For DuckDB and PostgreSQL: deal_stage_history_now, deal_stage_durations, funnel_by_month.

-- The history of each current deal, as it was last read. A deal that has changed since then keeps the
-- history that is known.
CREATE OR REPLACE VIEW deal_stage_history_now AS
SELECT history.*
FROM deal_stage_history AS history
WHERE history.deal_id IN (SELECT id FROM deals_now)
    AND NOT EXISTS (
        SELECT 1
        FROM deal_stage_history AS newer
        WHERE newer.deal_id = history.deal_id
            AND COALESCE(newer.deal_update_time, '-infinity')
            > COALESCE(history.deal_update_time, '-infinity')
    );

-- One row for each deal and stage. `days` grows while the deal is in the stage.
CREATE OR REPLACE VIEW deal_stage_durations AS
SELECT
    deal_id,
    stage_id,
    MAX(pipeline_id) AS pipeline_id,
    COUNT(*) AS stays,
    MIN(entered_time) AS first_entered_time,
    COUNT(*) > COUNT(left_time) AS is_there_now,
    SUM(
        COALESCE(
            seconds, EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) - EXTRACT(EPOCH FROM entered_time)
        )
    ) / 86400 AS days
FROM deal_stage_history_now
GROUP BY deal_id, stage_id;

-- For each month (UTC) and stage: the deals that came into the stage in that month, and what became of
-- them. Reopening a deal in its stage does not count as coming into it. A deal that came into a stage
-- twice in a month counts once. open + won + lost = deals.
CREATE OR REPLACE VIEW funnel_by_month AS
WITH stays AS (
    SELECT
        deal_id,
        number,
        pipeline_id,
        stage_id,
        entered_time,
        LAG(stage_id) OVER (PARTITION BY deal_id ORDER BY number) AS previous_stage_id
    FROM deal_stage_history_now
),

entries AS (
    SELECT
        deal_id,
        pipeline_id,
        stage_id,
        -- Computed from seconds: the result does not depend on the session's time zone.
        CAST(
            DATE_TRUNC(
                'month',
                TIMESTAMP '1970-01-01 00:00:00'
                + EXTRACT(EPOCH FROM entered_time) * INTERVAL '1 second'
            ) AS DATE
        ) AS month,
        LEAD(deal_id) OVER (PARTITION BY deal_id ORDER BY number) IS NOT NULL AS moved_on
    FROM stays
    WHERE stage_id IS DISTINCT FROM previous_stage_id
),

deals_by_month AS (
    SELECT month, pipeline_id, stage_id, deal_id, MAX(CASE WHEN moved_on THEN 1 ELSE 0 END) AS moved_on
    FROM entries
    GROUP BY month, pipeline_id, stage_id, deal_id
)

SELECT
    entered.month,
    entered.pipeline_id,
    entered.stage_id,
    COUNT(*) AS deals,
    SUM(entered.moved_on) AS moved_on,
    COUNT(CASE WHEN deal.status = 'open' THEN 1 END) AS open,
    COUNT(CASE WHEN deal.status = 'won' THEN 1 END) AS won,
    COUNT(CASE WHEN deal.status = 'lost' THEN 1 END) AS lost
FROM deals_by_month AS entered
JOIN deals_now AS deal ON deal.id = entered.deal_id
GROUP BY entered.month, entered.pipeline_id, entered.stage_id;
