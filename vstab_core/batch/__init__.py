"""Many clips stabilized, on one machine or many, so that a killed run can go on; `docs/batch.md` says how."""
