"""The connector as a program, as Airbyte's platform starts it."""

from source_pipedrive.run import main

if __name__ == "__main__":
    main()
