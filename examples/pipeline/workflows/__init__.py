"""The pipeline's workflow."""

from workflows.large_data_pipeline import LargeDataPipeline

__all__ = ["LargeDataPipeline"]
