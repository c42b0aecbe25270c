# Sourced: docker_client prints the docker client to use.
# A distribution's own client comes with the BuildKit that its engine has; one that stands earlier on PATH may have none.
docker_client() {
    if [ -x /usr/bin/docker ]; then
        echo /usr/bin/docker
    else
        command -v docker
    fi
}
