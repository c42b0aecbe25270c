"""Training as jobs of Amazon SageMaker, in the same images and by the same checks as on this machine.

A job is planned and checked (`planning`), created (`creating`), watched (`monitoring`), and what it leaves is fetched
(`fetching`). boto3 is imported when an account is opened, and finds the credentials by its own chain.
"""
