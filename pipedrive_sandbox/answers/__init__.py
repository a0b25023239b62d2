"""How the records of a route become the body of an answer: a module for each topic of routes,
`pages` for what they share, `computed` for what no table holds."""
