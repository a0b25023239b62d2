"""The entry point that Airbyte's platform starts."""

from source_pipedrive.run import main

if __name__ == "__main__":
    main()
