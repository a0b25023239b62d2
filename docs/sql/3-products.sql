-- For DuckDB and PostgreSQL: deal_products_now.

-- When a deal changes, all its products are read again. A row that is older than its deal is that of
-- a product that was removed. `>=`, because a deal may change while a sync runs.
CREATE OR REPLACE VIEW deal_products_now AS
SELECT deal_products.*
FROM deal_products
JOIN deals_now AS deal ON deal.id = deal_products.deal_id
WHERE (deal_products.deal_update_time >= deal.update_time OR deal.update_time IS NULL)
    AND NOT EXISTS (
        SELECT 1
        FROM deletions_now AS deletion
        WHERE deletion.object = 'deal_products'
            AND deletion.id = CAST(deal_products.id AS VARCHAR)
            AND (deal_products.deal_update_time > deletion.seen_time) IS NOT TRUE
    );
